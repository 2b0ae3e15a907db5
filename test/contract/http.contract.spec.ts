import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type Answer, type JsonObject, type TestCluster, type TestNode } from '../cluster/index.js';

/** Every call that changes something, with a body that is right. */
const calls: [path: string, body: JsonObject][] = [
  ['/lock/acquire', { name: 'contract', mode: 'exclusive', owner: 'me' }],
  ['/lock/release', { name: 'contract', owner: 'me' }],
  ['/queue/push', { queue: 'contract', payload: 1 }],
  ['/queue/pop', { queue: 'contract' }],
  ['/cache/write', { key: 'contract', value: 1 }],
];

/** The name that each call is about. */
const nameField: Record<string, string> = { lock: 'name', queue: 'queue', cache: 'key' };

function isProblem(answer: Answer, status: number): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.headers.get('x-node')).toBe('node1');
  expect(answer.headers.get('x-request-id')).toMatch(/^[\x21-\x7e]{1,128}$/);
  expect(answer.body).toMatchObject({
    type: expect.any(String),
    title: expect.any(String),
    status,
    detail: expect.any(String),
  });
}

describe('the HTTP contract', () => {
  let cluster: TestCluster;
  let node: TestNode;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 1 });
    [node] = cluster.nodes as [TestNode];
  });
  afterAll(async () => {
    await cluster.stop();
  });

  const raw = (path: string, body: string, headers: Record<string, string> = {}) =>
    node.request('POST', path, { text: body, headers: { 'content-type': 'application/json', ...headers } });

  describe.each(calls)('POST %s', (path, body) => {
    const field = nameField[path.split('/')[1] ?? ''] ?? '';

    it('answers 200 with ok, the node and a request id', async () => {
      const answer = await node.post(path, body);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ ok: expect.any(Boolean) });
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
      expect(answer.headers.get('x-node')).toBe('node1');
      expect(answer.headers.get('x-request-id')).toBeTruthy();
    });

    it('refuses malformed JSON', async () => {
      isProblem(await raw(path, '{"name":'), 400);
    });

    it.each(['null', '[]', '7', '"text"', ''])('refuses the body %s', async (text) => {
      isProblem(await raw(path, text), 400);
    });

    it('refuses a missing field, and names it', async () => {
      const rest = Object.entries(body).filter(([name]) => name !== field);
      const answer = await node.post(path, Object.fromEntries(rest));
      isProblem(answer, 400);
      expect(answer.body).toMatchObject({ errors: [{ field, message: expect.any(String) }] });
    });

    it.each([
      ['ill-typed', 7],
      ['null', null],
      ['empty', ''],
      ['600 characters', 'x'.repeat(600)],
      ['a control character', 'a\nb'],
    ])('refuses a name that is %s', async (_, name) => {
      const answer = await node.post(path, { ...body, [field]: name });
      isProblem(answer, 400);
      expect(answer.body).toMatchObject({ errors: [{ field }] });
    });

    it('refuses a lone surrogate as a name', async () => {
      isProblem(await raw(path, JSON.stringify({ ...body, [field]: 'x' }).replace('"x"', '"\\ud800"')), 400);
    });

    it('refuses an unknown field, so that a typo never passes', async () => {
      const answer = await node.post(path, { ...body, waitMS: 1 });
      isProblem(answer, 400);
      expect(answer.body).toMatchObject({ errors: [{ field: 'waitMS' }] });
    });

    it('refuses query parameters', async () => {
      isProblem(await node.post(`${path}?a=1`, body), 400);
    });

    it('refuses another method, and says which it takes', async () => {
      const answer = await node.request('PUT', path);
      isProblem(answer, 405);
      expect(answer.headers.get('allow')).toBe('POST');
    });

    it('refuses what is not JSON in UTF-8', async () => {
      isProblem(await raw(path, 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }), 415);
      isProblem(await raw(path, JSON.stringify(body), { 'content-type': 'text/plain' }), 415);
      isProblem(await raw(path, JSON.stringify(body), { 'content-type': 'application/json; charset=utf-16' }), 415);
    });

    it('refuses a body of 2 MB', async () => {
      isProblem(await raw(path, JSON.stringify({ ...body, [field]: 'x'.repeat(2_000_000) })), 413);
    });
  });

  it('has no route but its own', async () => {
    isProblem(await node.request('GET', '/nothing/here'), 404);
    isProblem(await node.post('/lock/steal', { name: 'a' }), 404);
  });

  it('keeps the request id of the caller, and replaces one that could not be logged', async () => {
    const id = async (given: string) =>
      (await node.request('GET', '/health', { headers: { 'x-request-id': given } })).headers.get('x-request-id');
    expect(await id('order-4711/a')).toBe('order-4711/a');
    expect(await id('x'.repeat(128))).toBe('x'.repeat(128));
    expect(await id('x'.repeat(129))).not.toBe('x'.repeat(129));
    expect(await id('with space')).not.toBe('with space');
  });

  it('takes queries on GET routes strictly', async () => {
    isProblem(await node.request('GET', '/cluster?x=1'), 400);
    isProblem(await node.request('GET', '/cache/read'), 400);
    isProblem(await node.request('GET', '/cache/read?key=a&key=b'), 400);
    isProblem(await node.request('GET', '/cache/read?key[]=a'), 400);
    isProblem(await node.request('GET', '/cache/read?key=%ff'), 400);
    expect((await node.request('GET', '/health?probe=1')).status).toBe(200);
  });

  it('answers health exactly, and Terminus documents for probes', async () => {
    const health = await node.get('/health');
    expect(health.body).toStrictEqual({ status: 'ok', node: 'node1' });
    for (const probe of ['live', 'ready', 'startup']) {
      const answer = await node.get(`/health/${probe}`);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ status: 'ok', details: {} });
    }
  });

  it('shows its metrics as Prometheus text', async () => {
    const answer = await node.request('GET', '/metrics');
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(answer.text).toMatch(/^sync_build_info\{.*\} 1$/m);
  });

  it('shows the nodes of the cluster', async () => {
    expect((await node.get('/cluster')).body).toMatchObject({
      ok: true,
      node: 'node1',
      nodes: [{ id: 'node1', url: `http://localhost:${node.port}`, alive: true, cacheLines: expect.any(Number) }],
    });
  });

  it('survives a client that sends no HTTP, and one that hangs up in the middle of its body', async () => {
    const send = (text: string) =>
      new Promise<void>((resolve) => {
        const socket = connect(node.port, '127.0.0.1', () => {
          socket.write(text, () => socket.destroy());
        });
        socket.on('close', () => {
          resolve();
        });
        socket.on('error', () => undefined);
      });
    await send('\0\0 nonsense\r\n\r\n');
    await send(
      'POST /lock/acquire HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"na',
    );
    expect((await node.get('/health')).status).toBe(200);
    expect(node.log().filter((line) => line.includes('"level":50'))).toEqual([]);
  });
});
