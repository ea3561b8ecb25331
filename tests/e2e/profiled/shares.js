// SPDX-License-Identifier: Apache-2.0
'use strict'
// Three functions of one body. No number becomes a double, so the compiled code stays as it is.
const unit = 20000
let state = 1
function drawn() { state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff; return state >> 8 }
// So many units, more or less by half.
function units(count) { return (count * unit >> 1) + drawn() % (count * unit) }

function workMuch(turns) { let x = 1; for (let i = 0; i < turns; i++) x = Math.imul(x, 1664525) + 1 | 0; return x }
function workSome(turns) { let x = 2; for (let i = 0; i < turns; i++) x = Math.imul(x, 1664525) + 1 | 0; return x }
function workLittle(turns) { let x = 3; for (let i = 0; i < turns; i++) x = Math.imul(x, 1664525) + 1 | 0; return x }

function inner() { return workMuch(units(60)) + workSome(units(30)) | 0 }
class Outer { call() { return [1].map(() => inner())[0] } }

const outer = new Outer()
let sum = 0
console.log('ready')
for (;;) sum = sum + outer.call() + workLittle(units(10)) | 0
