import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AnswersTogether } from './answers.together.js';

let server: Server;
/** What the server did, in its order. */
let done: ('read' | 'written' | 'next turn')[];
let slow: ServerResponse[];
const clients: Socket[] = [];

beforeEach(async () => {
  done = [];
  slow = [];
  const answers = new AnswersTogether();
  server = createServer((request, response) => {
    answers.came();
    done.push('read');
    response.on('prefinish', () => done.push('written'));
    if (request.url === '/slow') slow.push(response);
    else answers.end(response, 'answer');
    if (request.url === '/cut') request.socket.destroy();
  });
  server.on('slow', () => {
    for (const response of slow) answers.end(response, 'answer');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  server.close();
});

async function open(): Promise<Socket> {
  const accepted = once(server, 'connection');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  clients.push(client);
  await Promise.all([accepted, once(client, 'connect')]);
  return client;
}

/** Asks on each connection in the same moment, so that the server finds all requests in one turn. */
async function ask(sockets: readonly Socket[], path = '/'): Promise<string[]> {
  const answers = sockets.map(async (socket) =>
    String((await Promise.race([once(socket, 'data'), once(socket, 'close')]))[0]),
  );
  for (const socket of sockets) socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  return await Promise.all(answers);
}

it('a request that is alone is answered at once, each time', async () => {
  const client = await open();
  for (let i = 0; i < 3; i += 1) {
    server.once('request', () => setImmediate(() => done.push('next turn')));
    const [answer] = await ask([client]);
    expect(answer).toContain('answer');
    expect(done.splice(0)).toEqual(['read', 'written', 'next turn']);
  }
});

it('of requests that come together, all are read before an answer is written', async () => {
  const sockets = [await open(), await open(), await open(), await open()];
  for (const first of [true, false]) {
    for (const answer of await ask(sockets)) expect(answer).toContain('answer');
    const order = ['read', 'read', 'read', 'written', 'written', 'written'];
    // Only the first turn does not expect that more follow.
    expect(done.splice(0)).toEqual(first ? ['read', 'written', ...order] : ['read', ...order, 'written']);
  }
});

describe('answers that had to wait', () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  /** Asks so often at once; the server has read it all, in a turn before this one. */
  const askSlowly = async (count: number): Promise<{ answers: Promise<string[]> }> => {
    const sockets: Socket[] = [];
    while (sockets.length < count) sockets.push(await open());
    const answers = ask(sockets, '/slow');
    while (slow.length < count) await turn();
    await turn();
    return { answers };
  };

  it('are written at once where one is alone', async () => {
    const { answers } = await askSlowly(1);
    server.emit('slow');
    expect(done).toEqual(['read', 'written']);
    expect(String(await answers)).toContain('answer');
  });

  it('are written together where there are several', async () => {
    const { answers } = await askSlowly(4);
    server.emit('slow');
    // The turn in which they were asked for had four.
    expect(done).toEqual(['read', 'read', 'read', 'read']);
    for (const answer of await answers) expect(answer).toContain('answer');
    expect(done.slice(4)).toEqual(['written', 'written', 'written', 'written']);
  });
});

it('a client that is gone keeps no answer from the others', async () => {
  const sockets = [await open(), await open()];
  await ask(sockets);
  const gone = await open();
  const [, ...answers] = await Promise.all([ask([gone], '/cut'), ask(sockets)]);
  for (const answer of answers.flat()) expect(answer).toContain('answer');
});
