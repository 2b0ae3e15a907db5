import { InvalidSettings, readLocalClusterSettings, readSettings } from '#lib/config';
import { LocalRedisFailed, RedisServerMissing } from '#lib/redis';
import { ClusterOutput } from './cluster.output.js';
import { CannotStart, LocalCluster, nodesOf } from './local.cluster.js';

async function start(): Promise<void> {
  const settings = readLocalClusterSettings();
  // Read here too, so that a wrong one is told once and not by every node again and again.
  const nodeSettings = readSettings();
  const names = ['cluster', 'redis', ...nodesOf(settings).map(({ id }) => id)];
  const cluster = new LocalCluster(settings, nodeSettings, new ClusterOutput(names, process.stdout));
  stopOnSignals(cluster);
  try {
    await cluster.start();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** npm passes on the Ctrl-C that the terminal has sent us too: two so close together are one. */
const SAME_SIGNAL_MS = 300;

function stopOnSignals(cluster: LocalCluster): void {
  let stoppingSince: number | undefined;
  const stop = () => {
    if (stoppingSince === undefined) {
      stoppingSince = performance.now();
      process.stdout.write('\nStopping; once more to stop at once.\n');
      void cluster.stop().then(() => {
        process.stdout.write('Stopped.\n', () => process.exit(0));
      });
    } else if (performance.now() - stoppingSince > SAME_SIGNAL_MS) {
      cluster.kill();
      process.exit(1);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  // Whoever read our output is gone, as after `npm start | head`.
  process.stdout.on('error', () => {
    if (stoppingSince === undefined) void cluster.stop().finally(() => process.exit(0));
    stoppingSince ??= performance.now();
  });
}

/** What can be mended by who started us is told in a sentence, defects with their stack. */
function tell(error: unknown): string {
  const expected = [CannotStart, InvalidSettings, LocalRedisFailed, RedisServerMissing];
  if (expected.some((kind) => error instanceof kind)) return (error as Error).message;
  const { code, message, stack } = error as NodeJS.ErrnoException;
  return code !== undefined ? message : (stack ?? message);
}

start().catch((error: unknown) => {
  process.stderr.write(`${tell(error)}\n`);
  process.exit(1);
});
