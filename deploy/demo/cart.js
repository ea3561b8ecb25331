// SPDX-License-Identifier: Apache-2.0
// The shop's carts: asks the catalog for each product put in, and fails now and then.
'use strict';
const http = require('http');

const agent = new http.Agent({keepAlive: true});
const carts = new Map();
const kMaxCarts = 1000;
let orders = 0;

function product(id) {
  return new Promise((resolve, reject) => {
    const path = `/products/${id}`;
    http.get({host: '127.0.0.1', port: process.env.CATALOG, path, agent}, (answer) => {
      let body = '';
      answer.on('data', (piece) => (body += piece));
      answer.on('end', () => resolve(answer.statusCode === 200 ? JSON.parse(body) : null));
    }).on('error', reject);
  });
}

async function handle(request) {
  const [, what, customer, verb] = request.url.split('?')[0].split('/');
  if (what === 'healthz') return [200, {ok: true}];
  if (what !== 'cart') return [404, {error: 'no such page'}];
  if (carts.size > kMaxCarts) carts.clear();
  const cart = carts.get(customer) || [];
  if (request.method === 'GET') return [200, cart];
  if (request.method === 'DELETE') {
    carts.delete(customer);
    return [200, {}];
  }
  if (verb === 'order') return ++orders % 25 === 0 ? [500, {error: 'till is stuck'}] : [201, {order: orders}];
  const item = await product(new URL(request.url, 'http://cart').searchParams.get('product'));
  if (!item) return [422, {error: 'unknown product'}];
  carts.set(customer, [...cart, item].slice(-20));
  return [201, item];
}

http.createServer((request, response) => {
  request.resume();
  handle(request).catch((error) => [502, {error: String(error)}]).then(([status, body]) => {
    response.writeHead(status, {'Content-Type': 'application/json'});
    response.end(JSON.stringify(body));  // no length: Node sends it chunked
  });
}).listen(process.env.CART, '127.0.0.1');
