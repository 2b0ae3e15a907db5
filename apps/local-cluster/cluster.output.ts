import { styleText } from 'node:util';

const COLOURS = ['cyan', 'green', 'magenta', 'yellow', 'blue'] as const;

export type Say = (text: string) => void;

/**
 * The one log of several processes: each line with the name of who said it before it.
 * @param names of all who will speak, so that their lines stand in one column
 */
export class ClusterOutput {
  readonly #width: number;

  constructor(
    private readonly names: readonly string[],
    private readonly stream: NodeJS.WriteStream,
  ) {
    this.#width = Math.max(...names.map((name) => name.length));
  }

  /** Whether somebody reads this on a terminal. */
  get coloured(): boolean {
    return this.stream.isTTY && this.stream.hasColors();
  }

  /** @returns what writes lines under a name */
  of(name: string): Say {
    const colour = COLOURS[this.names.indexOf(name) % COLOURS.length] ?? 'white';
    const prefix = styleText(colour, `${name.padEnd(this.#width)} |`, { stream: this.stream });
    return (text) => {
      for (const line of text.split('\n')) this.stream.write(`${prefix} ${line}\n`);
    };
  }

  /** Writes what no process said, such as the addresses. */
  plain(text: string): void {
    this.stream.write(`${text}\n`);
  }
}
