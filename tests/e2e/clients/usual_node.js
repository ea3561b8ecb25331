// SPDX-License-Identifier: Apache-2.0
// Asks for all of the usual site (see ../usual.py), over a few kept connections. usage: usual_node.js PORT ROUNDS
'use strict';
const http = require('http');

const [port, rounds] = process.argv.slice(2).map(Number);
const agent = new http.Agent({keepAlive: true, maxSockets: 4});

// Without a length Node sends each piece as a chunk.
function ask(method, path, pieces = [], length = null) {
  return new Promise((resolve, reject) => {
    const headers = length === null ? {} : {'Content-Length': length};
    const request = http.request({host: '127.0.0.1', port, method, path, agent, headers}, (answer) => {
      let down = 0;
      answer.on('data', (piece) => (down += piece.length));
      answer.on('end', () => {
        const up = pieces.reduce((sum, piece) => sum + piece.length, 0);
        console.log(method, path, answer.statusCode, up, down);
        resolve();
      });
    });
    request.on('error', reject);
    for (const piece of pieces) request.write(piece);
    request.end();
  });
}

async function visit() {
  const large = Buffer.alloc(300000, 'u');
  for (let round = 0; round < rounds; ++round) {
    await ask('GET', '/plain');
    await ask('HEAD', '/plain');
    await ask('GET', '/empty');
    await ask('GET', '/large');
    await ask('GET', '/chunks');
    await ask('POST', '/upload', [], 0);
    await ask('POST', '/upload', [large], large.length);
    await ask('POST', '/upload', [large.subarray(0, 1), large.subarray(0, 60001), large.subarray(0, 17)]);
    await ask('GET', '/broken');
    await ask('GET', '/missing');
  }
}

Promise.all(Array.from({length: 8}, visit)).then(() => agent.destroy());
