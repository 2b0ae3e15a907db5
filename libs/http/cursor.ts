import { invalidFields } from './problem.js';

/** Puts what a listing needs to go on into an opaque string that is good on any node. */
export function encodeCursor(fields: string[]): string {
  return Buffer.from(JSON.stringify(fields)).toString('base64url');
}

/**
 * @param length how many fields the cursor of this listing has
 * @throws Problem 400 where the text is no such cursor
 */
export function decodeCursor(text: string, length: number): string[] {
  try {
    const fields: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (Array.isArray(fields) && fields.length === length && fields.every((field) => typeof field === 'string')) {
      return fields;
    }
  } catch {
    // Not even JSON: told below like every other text that is no cursor.
  }
  throw invalidFields([{ field: 'cursor', message: 'is not a cursor of this listing' }]);
}
