import { it } from 'vitest';
import { startCluster } from '../cluster/index.js';
it('walks', async () => {
  await using cluster = await startCluster({ nodes: 2 });
  const out: unknown[] = [];
  const p = async (n: number, path: string, body: any) => {
    const a = await cluster.node(n).post(path, body);
    out.push([path, a.status, a.text]);
    return a.body as any;
  };
  const g = async (n: number, path: string, m = 'GET') => {
    const a = await cluster.node(n).request(m, path);
    out.push([path, a.status, a.text.slice(0, 600)]);
    return a.body as any;
  };
  await p(1, '/queue/schedule', { queue: 'a:b/ü', id: 's1', payload: { x: 1 }, everyMs: 1000 });
  await p(1, '/queue/schedule', {
    queue: 'a:b/ü',
    id: 's2',
    payload: null,
    cron: '0 3 * * *',
    timezone: 'Europe/Berlin',
  });
  await p(1, '/queue/schedule', { queue: 'a:b/ü', id: 's2', payload: null, cron: '0 3 30 2 *' });
  await p(1, '/queue/schedule', { queue: 'a:b/ü', id: 's2', payload: null, cron: '0 3 * *', timezone: 'Europe/Berln' });
  await p(1, '/queue/schedule', { queue: 'a:b/ü', id: 's2', payload: null, cron: '0 3 * * *', everyMs: 1000 });
  await p(1, '/queue/schedule', { queue: 'a:b/ü', id: 's2', payload: null });
  await g(2, '/queue/schedules?queue=' + encodeURIComponent('a:b/ü'));
  const t = performance.now();
  await p(2, '/queue/pop', { queue: 'a:b/ü', waitMs: 5000 });
  out.push(performance.now() - t);
  await p(2, '/queue/pop', { queue: 'a:b/ü', waitMs: 5000 });
  out.push(performance.now() - t);
  await g(2, '/queue/schedule?id=s1&queue=' + encodeURIComponent('a:b/ü'), 'DELETE');
  await g(2, '/queue/schedule?id=s1&queue=' + encodeURIComponent('a:b/ü'), 'DELETE');
  await p(2, '/queue/push', { queue: 'orders', payload: { a: [1] } });
  await g(2, '/queues');
  await g(2, '/admin/queues');
  await g(2, '/admin/queues/api/queues');
  await g(2, '/admin/queues/api/queues/orders/pause', 'PUT');
  await g(2, '/admin/queues/nothing');
  await g(2, '/queue?queue=orders');
  await g(2, '/queue?queue=orders', 'DELETE');
  await g(2, '/queues');
  console.log(out.map((o) => JSON.stringify(o)).join('\n'));
  const t2 = performance.now();
  const e = await cluster.node(1).stop();
  console.log(e, performance.now() - t2);
  await cluster.redis.kill();
  const t3 = performance.now();
  const e2 = await cluster.node(2).stop();
  console.log(e2, performance.now() - t3);
  console.log(
    cluster
      .node(2)
      .log()
      .filter((l) => !l.includes('"level":30'))
      .join('\n'),
  );
}, 60000);
