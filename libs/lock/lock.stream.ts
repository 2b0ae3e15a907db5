import type { Response } from 'express';
import type { LockView } from './lock.types.js';
import type { Change, WatchEvent } from './lock.watchers.js';

/** What is sent as the `data` of an event. */
export type WatchData = { readonly ok: true; readonly lock: LockView; readonly seq: number } | Omit<Change, 'kind'>;

const PING_MS = 15_000;
/** A client that does not read is let go before it fills the memory of the node. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** Server-sent events: the kind of each as its `event`, the rest as JSON in its `data`. */
export class EventStream {
  #ping: NodeJS.Timeout | undefined;

  /** Nothing is sent before the first event: until then the answer may still become a problem document. */
  constructor(private readonly response: Response) {}

  /** @param ended called once, when either side has ended it; at once if that has happened */
  onEnd(ended: () => void): void {
    const onClose = () => {
      clearInterval(this.#ping);
      ended();
    };
    if (this.response.closed) onClose();
    else this.response.once('close', onClose);
  }

  send(event: WatchEvent): void {
    if (this.response.writableLength > MAX_UNREAD_BYTES) {
      this.response.destroy();
      return;
    }
    if (!this.response.headersSent) this.#begin();
    // JSON has no line breaks of its own, so one data line holds it.
    this.response.write(`event: ${event.kind}\ndata: ${JSON.stringify(dataOf(event))}\n\n`);
  }

  end(): void {
    this.response.end();
  }

  #begin(): void {
    this.response.status(200).set({
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    this.#ping = setInterval(() => this.response.write(': ping\n\n'), PING_MS);
  }
}

function dataOf({ kind: _kind, ...event }: WatchEvent): WatchData {
  return 'lock' in event ? { ok: true, ...event } : event;
}
