import { readFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { startCluster, type TestCluster, type TestNode } from '../../test/cluster/index.js';

let cluster: TestCluster;
let node: TestNode;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 1 });
  node = cluster.node(1);
  return () => cluster.stop();
});

it('serves the document that is checked in', async () => {
  const answer = await node.get('/openapi.json');
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(answer.text).toBe(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'));
});

it.each(['/docs', '/docs/', '/DOCS'])('%s is a page whose every part is there, and allowed', async (path) => {
  const page = await node.get(path);
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
  // No inline script, which this policy forbids.
  expect(page.text).not.toMatch(/<script>|<script [^>]*>[^<]/);
  const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(
    ([, part = '']) => new URL(part, node.url + path),
  );
  expect(parts).toHaveLength(4);
  for (const { pathname } of parts) {
    const part = await node.get(pathname);
    expect(part.status, pathname).toBe(200);
    expect(part.headers.get('content-type'), pathname).toMatch(/^(text\/css|text\/javascript|image\/png)/);
  }
});

it.each(['/docs/package.json', '/docs/constructor', '/docs/..%2fpackage.json'])('%s is not there', async (path) => {
  const answer = await node.get(path);
  expect(answer.status).toBe(404);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
});
