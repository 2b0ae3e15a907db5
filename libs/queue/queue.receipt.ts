import { randomBytes } from 'node:crypto';

/** What a delivery is acknowledged by: the message's id and the token of the pop that took it. */
export interface Receipt {
  readonly id: string;
  readonly token: string;
}

const FORM = /^(\d{14})-([\w-]{16})$/;

/** A token that no other pop of any node has. */
export function newToken(): string {
  return randomBytes(12).toString('base64url');
}

export function formatReceipt({ id, token }: Receipt): string {
  return `${id}-${token}`;
}

/** @returns undefined where the text is no receipt: to its sender that is the same as a stale one */
export function parseReceipt(text: string): Receipt | undefined {
  const [, id, token] = FORM.exec(text) ?? [];
  return id === undefined || token === undefined ? undefined : { id, token };
}
