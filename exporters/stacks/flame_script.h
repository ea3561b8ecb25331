// SPDX-License-Identifier: Apache-2.0
// What a browser runs in a flame graph: zooming and searching. It reads the places that stand in
// the picture (data-x, data-w: parts of the whole; data-d: depth; data-n: name) and asks nobody.
#pragma once

#include <string_view>

namespace sonde::stacks {

inline constexpr std::string_view kFlameScript = R"js(
(function () {
  'use strict';
  var margin = 10, full = 1200 - 2 * margin, letter = 7;
  var all = Array.prototype.map.call(document.querySelectorAll('g.f'), function (g) {
    return {g: g, rect: g.querySelector('rect'), text: g.querySelector('text'), x: +g.dataset.x,
            w: +g.dataset.w, d: +g.dataset.d, n: g.dataset.n};
  });
  var found = document.getElementById('found');
  // Shows the part of the whole from x to x + w; what holds all of it stands below, as wide as can be.
  function zoom(to) {
    all.forEach(function (f) {
      var from = Math.max(f.x, to.x), end = Math.min(f.x + f.w, to.x + to.w);
      var wide = (end - from) / to.w * full;
      var off = end - from <= 1e-9 || wide < 0.3;
      f.g.style.display = off ? 'none' : '';
      if (off) return;
      var x = margin + (from - to.x) / to.w * full;
      f.rect.setAttribute('x', x);
      f.rect.setAttribute('width', wide);
      f.rect.style.opacity = f.d < to.d ? 0.5 : 1;
      var room = Math.floor((wide - 6) / letter);
      f.text.setAttribute('x', x + 3);
      f.text.textContent =
          room >= f.n.length ? f.n : room >= 3 ? f.n.slice(0, room - 2) + '..' : '';
    });
  }
  function search() {
    var wanted = prompt('Function or service (regular expression; empty: none)', '');
    if (wanted === null) return;
    var expression = null;
    try { expression = wanted ? new RegExp(wanted, 'i') : null; } catch (e) { found.textContent = e.message; return; }
    // What stands on a match counts with it: only the lowest of each stack is added up.
    var parts = [];
    all.forEach(function (f) {
      var hit = expression !== null && expression.test(f.n);
      f.g.classList.toggle('m', hit);
      if (hit) parts.push(f);
    });
    parts.sort(function (a, b) { return a.d - b.d; });
    var taken = [], sum = 0;
    parts.forEach(function (f) {
      var inside = taken.some(function (t) { return f.x >= t.x - 1e-9 && f.x + f.w <= t.x + t.w + 1e-9; });
      if (!inside) { taken.push(f); sum += f.w; }
    });
    found.textContent = expression ? (100 * sum).toFixed(1) + '% matched' : '';
  }
  all.forEach(function (f) { f.g.addEventListener('click', function () { zoom(f); }); });
  document.getElementById('reset').addEventListener('click', function () { zoom({x: 0, w: 1, d: 0}); });
  document.getElementById('search').addEventListener('click', search);
  window.addEventListener('keydown', function (e) {
    if ((e.ctrlKey || e.metaKey) && e.key === 'f') { e.preventDefault(); search(); }
    if (e.key === 'Escape') zoom({x: 0, w: 1, d: 0});
  });
})();
)js";

}  // namespace sonde::stacks
