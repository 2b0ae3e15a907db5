import { Problem } from '#lib/http';
import { MAX_FENCES } from './line.changes.js';

/** A line remembers the tokens of a bounded number of locks. */
export class TooManyFences extends Problem {
  constructor() {
    super(400, `A line remembers the tokens of at most ${MAX_FENCES} locks`, {
      errors: [{ field: 'fence', message: `names one lock more than the ${MAX_FENCES} that a line remembers` }],
    });
  }
}

/** The values asked for together are larger than one answer may be. */
export class AnswerTooLarge extends Problem {
  constructor() {
    super(413, 'The values asked for are larger than 16 MiB together; ask for fewer keys at once');
  }
}
