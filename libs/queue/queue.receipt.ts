import { randomBytes } from 'node:crypto';

/** What a delivery is acknowledged by: the message's id and the token of the pop that took it. */
export interface Receipt {
  readonly id: string;
  readonly token: string;
}

const FORM = /^(\d{14})-([\w-]{16})$/;

const TOKEN_BYTES = 12;
/** For the next tokens: bytes that are asked for one token at a time take twenty times as long. */
let random = Buffer.alloc(0);
let used = 0;

/** A token that no other pop of any node has. */
export function newToken(): string {
  if (used === random.length) {
    random = randomBytes(256 * TOKEN_BYTES);
    used = 0;
  }
  used += TOKEN_BYTES;
  return random.toString('base64url', used - TOKEN_BYTES, used);
}

export function formatReceipt({ id, token }: Receipt): string {
  return `${id}-${token}`;
}

/** @returns undefined where the text is no receipt: to its sender that is the same as a stale one */
export function parseReceipt(text: string): Receipt | undefined {
  const [, id, token] = FORM.exec(text) ?? [];
  return id === undefined || token === undefined ? undefined : { id, token };
}
