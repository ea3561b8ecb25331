// SPDX-License-Identifier: Apache-2.0
// What Node's llhttp makes of messages: frames in, lines out, as http1_verdicts.cc has them.
// Strict: none of its lenient flags.
'use strict';
const fs = require('fs');
const { HTTPParser } = require('_http_common');

const binding = process.binding('http_parser');
const methods = binding.allMethods || binding.methods;
const parser = new HTTPParser();
let seen, letter;

// Returns 1: no body; 2: no body, and no HTTP behind it. As Node's own client answers.
parser[HTTPParser.kOnHeadersComplete] = function (major, minor, headers, method, url, status) {
  if (letter !== 'Q' && status < 200 && status !== 101) {
    seen.interim = true;
    return 1;
  }
  const start = letter === 'Q' ? methods[method] : String(status);
  if (seen.head) {
    if (seen.next === '') seen.next = start;
    return 0;
  }
  seen.head = true;
  seen.start = start;
  seen.path = url || '';
  if (letter === 'C' && status >= 200 && status < 300) {
    seen.tunnel = true;
    return 2;
  }
  return letter === 'H' ? 1 : 0;
};
parser[HTTPParser.kOnBody] = function (bytes) {
  if (seen.head && !seen.done) seen.body += bytes.length;
};
parser[HTTPParser.kOnMessageComplete] = function () {
  if (seen.interim) seen.interim = false;
  else if (seen.head) seen.done = true;
};
parser[HTTPParser.kOnHeaders] = function () {};
parser[HTTPParser.kOnExecute] = function () {};

function opinion(bytes) {
  seen = { head: false, done: false, interim: false, tunnel: false, start: '', path: '', body: 0, next: '' };
  parser.initialize(letter === 'Q' ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {});
  const result = bytes.length === 0 ? 0 : parser.execute(bytes);
  let how;
  const failed = result instanceof Error;
  if (!seen.head) how = failed ? 'bad' : 'part';
  else if (seen.tunnel) how = 'tunnel';
  else if (seen.done) how = letter !== 'Q' && seen.start === '101' ? 'tunnel' : 'done';
  else if (failed) how = 'broken';
  else {
    // The stream's end tells whether it was awaited.
    const end = parser.finish();
    how = !(end instanceof Error) && seen.done ? 'close' : 'more';
  }
  const path = seen.path.replace(/[\t\r\n]/g, ' ');
  return [how, seen.start, path, seen.body, seen.next, failed ? result.code : ''].join('\t');
}

let pending = Buffer.alloc(0);
const piece = Buffer.alloc(1 << 20);
for (;;) {
  let n;
  try {
    n = fs.readSync(0, piece, 0, piece.length, null);
  } catch (error) {
    if (error.code === 'EAGAIN') continue;
    if (error.code === 'EOF') break;
    throw error;
  }
  if (n === 0) break;
  pending = Buffer.concat([pending, piece.subarray(0, n)]);
  const lines = [];
  let at = 0;
  while (pending.length - at >= 5) {
    const length = pending.readUInt32LE(at);
    if (pending.length - at < 5 + length) break;
    letter = String.fromCharCode(pending[at + 4]);
    lines.push(opinion(Buffer.from(pending.subarray(at + 5, at + 5 + length))));
    at += 5 + length;
  }
  pending = pending.subarray(at);
  if (lines.length) fs.writeSync(1, Buffer.from(lines.join('\n') + '\n', 'latin1'));
}
