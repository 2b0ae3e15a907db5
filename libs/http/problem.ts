import { HttpException } from '@nestjs/common';
import { STATUS_CODES } from 'node:http';

/** What is wrong with one field of a request. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** RFC 9457: what a request that could not be served is answered with. */
export interface ProblemDocument {
  readonly type: string;
  /** What the status is called. */
  readonly title: string;
  readonly status: number;
  /** What is wrong with this request, for its sender. */
  readonly detail: string;
  /** 400: what is wrong with which field. */
  readonly errors?: FieldError[];
  /** 503 to a call that changes something: whether it may have happened all the same. */
  readonly mayHaveTakenEffect?: boolean;
}

interface ProblemOptions {
  readonly errors?: FieldError[];
  readonly headers?: Record<string, string>;
  /** For a mutation that was answered 503: whether it may have happened all the same. */
  readonly mayHaveTakenEffect?: boolean;
  readonly cause?: unknown;
}

/** A request that could not be served, as RFC 9457 tells it. Outcomes of the domain are answers, not problems. */
export class Problem extends HttpException {
  readonly headers: Record<string, string>;
  readonly mayHaveTakenEffect: boolean | undefined;
  readonly errors: FieldError[] | undefined;

  /**
   * @param status HTTP status, 400 to 599
   * @param detail what is wrong with this request, for its sender
   */
  constructor(status: number, detail: string, options: ProblemOptions = {}) {
    super(detail, status, { cause: options.cause });
    this.errors = options.errors;
    this.headers = options.headers ?? {};
    this.mayHaveTakenEffect = options.mayHaveTakenEffect;
  }

  /** The `application/problem+json` document. */
  toDocument(): ProblemDocument {
    const status = this.getStatus();
    return {
      type: 'about:blank',
      title: STATUS_CODES[status] ?? 'Error',
      status,
      detail: this.message,
      ...(this.errors ? { errors: this.errors } : {}),
      ...(this.mayHaveTakenEffect === undefined ? {} : { mayHaveTakenEffect: this.mayHaveTakenEffect }),
    };
  }
}

/** 400 for fields that are missing, unknown, ill-typed or out of range. */
export function invalidFields(errors: FieldError[]): Problem {
  const fields = errors.map(({ field, message }) => (field === '' ? message : `${field} ${message}`));
  return new Problem(400, `The request is not valid: ${fields.slice(0, 5).join('; ')}`, { errors });
}
