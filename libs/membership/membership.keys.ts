/** Every key of the membership lies in one slot. */
export class MembershipKeys {
  readonly registry: string;
  readonly nodes: string;
  readonly graceOver: string;

  constructor(private readonly prefix: string) {
    this.registry = `${prefix}:{membership}:registry`;
    this.nodes = `${prefix}:{membership}:nodes`;
    this.graceOver = `${prefix}:{membership}:grace-over`;
  }

  /** The channel on which the process `instance` is spoken to. */
  channel(instance: string): string {
    return `${this.prefix}:channel:${instance}`;
  }
}
