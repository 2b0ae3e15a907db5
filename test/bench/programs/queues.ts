import { Queue, Worker, type Job } from 'bullmq';
import { perSecond, type StartRun } from './measures.js';
import { startServices } from './services.js';

const QUEUE = 'bench';

/** Messages are pushed for a time; then all are taken and acknowledged, each once. */
export const queues: Readonly<Record<string, StartRun>> = {
  QueueService: async (url) => {
    const { queues: service } = await startServices(url);
    return async (forMs) => {
      const push = async (number: number) => (await service.push({ queue: QUEUE, payload: { number } })).ok;
      const pushed = await perSecond(push, forMs);
      const seen = new Set<number>();
      const popAndAck = async () => {
        const popped = await service.pop({ queue: QUEUE, ack: 'manual' });
        if (!popped.ok || !('receipt' in popped)) return false;
        seen.add((popped.item as { number: number }).number);
        const acked = await service.ack({ queue: QUEUE, receipts: [popped.receipt] });
        return acked.ok;
      };
      const popped = await perSecond(popAndAck, Infinity, pushed.made);
      if (seen.size !== pushed.made) throw new Error(`${pushed.made} were pushed, ${seen.size} came`);
      return { push: pushed.rate, 'pop and acknowledge': popped.rate };
    };
  },
  BullMQ: (url) => {
    const connection = { url };
    const queue = new Queue<{ number: number }>(QUEUE, { connection, prefix: `bullmq-${process.pid}` });
    return async (forMs) => {
      const add = async (number: number) =>
        (await queue.add('bench', { number }, { removeOnComplete: true })).id !== undefined;
      const pushed = await perSecond(add, forMs);
      // Its way to take jobs by hand: getNextJob and moveToCompleted, which is what a pop and its ack do.
      const worker = new Worker<{ number: number }>(QUEUE, null, {
        connection,
        prefix: `bullmq-${process.pid}`,
        autorun: false,
      });
      const seen = new Set<number>();
      const fetchAndComplete = async (number: number) => {
        const token = String(number);
        const job = (await worker.getNextJob(token, { block: false })) as Job<{ number: number }> | undefined;
        if (!job) return false;
        seen.add(job.data.number);
        await job.moveToCompleted('done', token, false);
        return true;
      };
      const popped = await perSecond(fetchAndComplete, Infinity, pushed.made);
      await worker.close();
      if (seen.size !== pushed.made) throw new Error(`${pushed.made} were added, ${seen.size} came`);
      return { push: pushed.rate, 'pop and acknowledge': popped.rate };
    };
  },
};
