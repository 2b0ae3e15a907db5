/**
 * One grant of Redis, told to one or more connections of its owner. It is taken back if the call made the hold anew and
 * none of them could be told (README.md "Undeliverable").
 */
export class Grant {
  #lost = 0;

  /**
   * @param isNew whether the owner held nothing before
   * @param tellers to how many connections it is told
   * @param takeBack releases the hold unless another call has touched it since
   */
  constructor(
    readonly token: number,
    private readonly isNew: boolean,
    private readonly tellers: number,
    private readonly takeBack: () => void,
  ) {}

  /** One of the connections was gone before it could be told. */
  undelivered(): void {
    this.#lost += 1;
    if (this.#lost === this.tellers && this.isNew) this.takeBack();
  }
}
