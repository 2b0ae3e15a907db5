// A node with a known fault: nobody wakes its waiting pops, and they do not look by themselves either.
import { WaitingPops } from '../../../dist/libs/queue/waiting.pops.js';

WaitingPops.prototype.wait = async function (queue, waitMs, attempt, signal) {
  const found = await attempt('', '', false);
  if (found[0] !== 'empty') return found;
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  return signal?.aborted ? undefined : found;
};
