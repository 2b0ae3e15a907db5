import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, startCluster, startNode, startRedis, TestNode } from './index.js';

const GRACE_MS = 3000;

it('a node that is stopped answers or tells everyone, and ends within its grace', async () => {
  await using cluster = await startCluster({ nodes: 2, env: { SHUTDOWN_GRACE_MS: String(GRACE_MS) } });
  const [node, other] = [cluster.node(1), cluster.node(2)];
  const acquire = (at: TestNode, owner: string, waitMs = 0) =>
    at.post('/lock/acquire', { name: 'wanted', mode: 'exclusive', owner, waitMs });
  expect((await acquire(other, 'holder')).body['ok']).toBe(true);

  // Whoever may be connected: one that comes again and again, waiters, one that says nothing, one that stops halfway.
  const regular = await open(node, get('/health'));
  await eventually(() => regular.text().includes('"ok"'), { what: 'an answer on a connection that is kept' });
  const silent = await open(node, '');
  const stuck = await open(
    node,
    'POST /lock/acquire HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
  );
  const waiter = acquire(node, 'waiter', 60_000);
  const poll = node.post('/queue/pop', { queue: 'empty', waitMs: 60_000 });
  const watcher = await open(node, get('/lock/watch?name=wanted'));
  await eventually(() => watcher.text().includes('event: state'), { what: 'the watch to begin' });
  // Its delivery is out and not acknowledged when the node goes.
  await node.post('/queue/push', { queue: 'kept', payload: 'not lost' });
  const taken = (await node.post('/queue/pop', { queue: 'kept', ack: 'manual' })).body;
  await eventually(async () => (await node.get('/metrics')).text.includes('sync_http_waiting_requests 3'), {
    what: 'all three to wait',
  });

  const started = performance.now();
  const ended = node.kill('SIGTERM');
  for (const answer of await Promise.all([waiter, poll])) {
    expect(answer.body).toMatchObject({ status: 503, mayHaveTakenEffect: false });
    expect(answer.headers.get('retry-after')).toBe('1');
  }
  const toldMs = performance.now() - started;
  await Promise.all([regular.closed, silent.closed, stuck.closed, watcher.closed]);
  await ended;
  expect(await node.exited).toEqual({ code: 0, signal: null });
  const endedMs = performance.now() - started;
  expect(toldMs).toBeLessThan(GRACE_MS);
  expect(endedMs).toBeLessThan(GRACE_MS + 3000);

  // What was told to have no effect has none: nobody waits before the next one.
  expect((await other.get('/lock?name=wanted')).body).toMatchObject({
    lock: { holders: [{ owner: 'holder' }], waiters: [] },
  });
  // What was given out and acknowledged stands: another node takes the receipt.
  const ack = await other.post('/queue/ack', { queue: 'kept', receipt: taken['receipt'] as string });
  expect(ack.body).toEqual({ ok: true, acked: 1 });
});

it('a node with nobody but regular clients does not wait for its grace', async () => {
  await using cluster = await startCluster({ nodes: 1, env: { SHUTDOWN_GRACE_MS: '20000' } });
  const node = cluster.node(1);
  await open(node, '');
  const idle = await open(node, get('/health'));
  await eventually(() => idle.text().includes('"ok"'), { what: 'an answer on a connection that is kept' });
  // Its answer comes while the node stops already.
  const poll = await open(node, post('/queue/pop', { queue: 'empty', waitMs: 60_000 }));
  await eventually(async () => (await node.get('/metrics')).text.includes('sync_http_waiting_requests 1'), {
    what: 'the poll to wait',
  });
  const started = performance.now();
  const ended = node.kill('SIGTERM');
  await ended;
  expect(poll.text()).toMatch(/^HTTP\/1\.1 503 [^]*\r\nConnection: close\r\n/);
  expect(performance.now() - started).toBeLessThan(10_000);
});

describe('a node that gives notice', () => {
  const env = { SHUTDOWN_NOTICE_MS: '60000' };
  const stopping = (node: TestNode) =>
    eventually(async () => (await node.get('/health')).status === 503, { what: 'the node to say that it goes' });

  it('is not ready and serves as before, each answer the last on its connection', async () => {
    await using cluster = await startCluster({ nodes: 2, env });
    const [node, other] = [cluster.node(1), cluster.node(2)];
    const poll = node.post('/queue/pop', { queue: 'late', waitMs: 30_000 });
    const kept = await open(node, get('/health'));
    await eventually(() => kept.text().includes('"ok"'), { what: 'an answer on a connection that is kept' });
    expect(kept.text()).toMatch(/\r\nConnection: keep-alive\r\n/);

    const ended = node.kill('SIGTERM');
    await stopping(node);
    expect((await node.get('/health/ready')).body).toMatchObject({
      status: 'error',
      error: { serving: { status: 'down' } },
    });
    expect((await node.get('/health/live')).status).toBe(200);
    // Who has not heard of it yet is served, on a connection of before and on new ones, waits included.
    kept.send(post('/lock/acquire', { name: 'late', mode: 'exclusive', owner: 'late' }));
    await kept.closed;
    expect(kept.text()).toMatch(/"status":"ok"[^]*\r\nConnection: close\r\n[^]*"ok":true,"token"/);
    const second = node.post('/queue/pop', { queue: 'late', waitMs: 30_000 });
    await other.post('/queue/push-many', { queue: 'late', messages: [{ payload: 1 }, { payload: 2 }] });
    const answers = await Promise.all([poll, second]);
    expect(answers.map(({ body }) => body['item']).sort()).toEqual([1, 2]);
    for (const { headers } of answers) expect(headers.get('connection')).toBe('close');

    // Asked once more, it waits no longer.
    const hurried = performance.now();
    await Promise.all([ended, node.kill('SIGTERM')]);
    expect(performance.now() - hurried).toBeLessThan(10_000);
    expect(await node.exited).toEqual({ code: 0, signal: null });
  });

  it('gives none to who presses Ctrl-C', async () => {
    await using redis = await startRedis();
    await using node = await startNode({ redisUrl: redis.url, nodeId: 'node1', env });
    await node.kill('SIGINT');
    expect(await node.exited).toEqual({ code: 0, signal: null });
  });
});

/** Long after what these tests wait for, so that a stop that waits for the grace is seen. */
const SHUTDOWN_GRACE_MS = '25000';

describe('a node that is told to stop', () => {
  it('does so while Redis is away', async () => {
    await using redis = await startRedis();
    await using node = await startNode({ redisUrl: redis.url, nodeId: 'node1', env: { SHUTDOWN_GRACE_MS } });
    await redis.kill();
    expect(await node.stop()).toEqual({ code: 0, signal: null });
  });

  it('does so where Redis was never there', async () => {
    await using node = await TestNode.create({ redisUrl: 'redis://127.0.0.1:1', nodeId: 'node1' });
    await node.launch();
    await eventually(async () => (await node.get('/health/live')).status === 200, {
      what: 'the node to listen',
      timeoutMs: 15_000,
    });
    expect(await node.stop()).toEqual({ code: 0, signal: null });
  });

  it('does not wait for connections on which nothing was ever asked', async () => {
    await using redis = await startRedis();
    await using node = await startNode({ redisUrl: redis.url, nodeId: 'node1', env: { SHUTDOWN_GRACE_MS } });
    const idle = connect(node.port, '127.0.0.1');
    onTestFinished(() => {
      idle.destroy();
    });
    await once(idle, 'connect');
    expect(await node.stop()).toEqual({ code: 0, signal: null });
  });
});

interface Connection {
  text(): string;
  send(text: string): void;
  readonly closed: Promise<unknown>;
}

async function open(node: TestNode, sent: string): Promise<Connection> {
  const socket: Socket = connect(node.port, '127.0.0.1');
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => (received += text));
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  socket.write(sent);
  return {
    text: () => received,
    send: (text) => {
      socket.write(text);
    },
    closed,
  };
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
}

function post(path: string, body: object): string {
  const text = JSON.stringify(body);
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
  return `${head}Content-Length: ${text.length}\r\n\r\n${text}`;
}
