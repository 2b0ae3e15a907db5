/** For routes without query parameters: any is refused. */
export class NoQuery {}
