// SPDX-License-Identifier: Apache-2.0
// The usual site (see ../usual.py) on Node's http. usage: usual_node.js PORT
'use strict';
const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');

const kChunks = [1, 3, 17, 255, 4096, 60001];
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'sonde-e2e-'));
process.on('exit', () => fs.rmSync(directory, {recursive: true}));
process.on('SIGTERM', () => process.exit(0));
const large = path.join(directory, 'large');
fs.writeFileSync(large, 'l'.repeat(1000000));

function whole(response, status, body) {
  response.writeHead(status, {'Content-Length': body.length});
  response.end(body);
}

function chunks(response, sizes) {
  response.writeHead(200);
  for (const size of sizes) response.write('c'.repeat(size));
  response.end();
}

http.createServer((request, response) => {
  switch (request.url.split('?')[0]) {
    case '/plain': return whole(response, 200, 'plain\n');
    case '/empty': return response.writeHead(204).end();
    case '/large':
      response.writeHead(200, {'Content-Length': 1000000});
      return fs.createReadStream(large).pipe(response);
    case '/chunks': return chunks(response, kChunks);
    case '/few-chunks': return chunks(response, kChunks.slice(0, 3));
    case '/broken': return whole(response, 500, 'broken\n');
    case '/upload': {
      let size = 0;
      request.on('data', (piece) => (size += piece.length));
      return request.on('end', () => whole(response, 201, String(size)));
    }
    default: return whole(response, 404, 'nothing here\n');
  }
}).listen(Number(process.argv[2]), '127.0.0.1', 1024);
