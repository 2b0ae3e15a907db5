import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import type { HeaderList } from './given.headers.js';

/** JSON of this type, as text that goes out as it is. */
export class JsonText<_Answer> {
  /** @param headers that belong to it: those that {@link SetsHeaders} says */
  constructor(
    readonly text: string,
    readonly headers: HeaderList = [],
  ) {}
}

/** Nothing: the handler answers by itself, with server-sent events whose `data` is JSON of this type. */
export type EventsOf<_Data> = undefined;

/** Headers that some answers have beside those that every answer has. */
export type AnswerHeader = 'X-Cache' | 'X-Cache-Version';

const HEADERS = 'answer headers';

/** Says which headers a handler sets when all goes well. */
export function SetsHeaders(...headers: AnswerHeader[]): CustomDecorator {
  return SetMetadata(HEADERS, headers);
}

/** What {@link SetsHeaders} said of a handler. */
export function headersOf(handler: object): readonly AnswerHeader[] {
  return (Reflect.getMetadata(HEADERS, handler) ?? []) as AnswerHeader[];
}
