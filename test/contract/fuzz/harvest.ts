import type { AnswerToJudge } from './api.document.js';
import type { Request } from './requests.js';
import { REAL_CURSOR, REAL_RECEIPT } from './values.js';

/** Receipts and cursors of earlier answers, so that calls that need one are not always refused. */
export class Harvest {
  readonly #receipts = new Map<string, string>();
  readonly #cursors = new Map<string, string>();

  /** The request with what stands for a receipt of its queue, or a cursor of its listing, put in place. */
  filled(request: Request): Request {
    const receipt = this.#receipts.get(queueOf(request)) ?? REAL_RECEIPT;
    const cursor = this.#cursors.get(pathOf(request)) ?? REAL_CURSOR;
    const { text, target } = request;
    return {
      ...request,
      target: target.replace(encodeURIComponent(REAL_CURSOR), encodeURIComponent(cursor)),
      ...(typeof text === 'string' && { text: text.replace(`"${REAL_RECEIPT}"`, JSON.stringify(receipt)) }),
    };
  }

  keep(request: Request, { text }: AnswerToJudge): void {
    const receipt = /"receipt":"([^"]+)"/.exec(text)?.[1];
    const cursor = /"cursor":"([^"]+)"/.exec(text)?.[1];
    if (receipt !== undefined) this.#receipts.set(queueOf(request), receipt);
    if (cursor !== undefined) this.#cursors.set(pathOf(request), cursor);
  }
}

function pathOf({ target }: Request): string {
  return target.split('?')[0] ?? '';
}

function queueOf({ text }: Request): string {
  return (typeof text === 'string' ? /"queue":"([^"]*)"/.exec(text)?.[1] : undefined) ?? '';
}
