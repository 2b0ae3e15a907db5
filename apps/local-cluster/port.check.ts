import { basename } from 'node:path';
import { isTaken, listener } from '#lib/process';

const ASK_MS = 1000;

/**
 * Looks for programs that stand in a node's way.
 * @returns a sentence for each taken port, with who has taken it as far as that can be known
 */
export async function takenPorts(ports: readonly number[]): Promise<string[]> {
  const taken: string[] = [];
  for (const port of ports) {
    // A program on ::1 alone does not stop a node, but it would be the one that answers on "localhost".
    const inTheWay = (await isTaken(port, '127.0.0.1')) || (await isTaken(port, '::1'));
    if (inTheWay) taken.push(`Port ${port} is taken by ${await whoIsOn(port)}.`);
  }
  return taken;
}

async function whoIsOn(port: number): Promise<string> {
  const [node, process] = await Promise.all([nodeOn(port), listener(port)]);
  const pid = process === undefined ? '' : ` (pid ${process.pid})`;
  if (node !== undefined) return `${node} of a cluster that runs already${pid}`;
  return process === undefined ? 'another program' : `${basename(process.command.split(' ', 1)[0] ?? '')}${pid}`;
}

/** @returns the id of the node of this system that answers on a port */
async function nodeOn(port: number): Promise<string | undefined> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(ASK_MS) });
    const { status, node } = (await answer.json()) as Record<string, unknown>;
    return (status === 'ok' || status === 'error') && typeof node === 'string' ? node : undefined;
  } catch {
    return undefined;
  }
}
