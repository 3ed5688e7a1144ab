/** How values are distributed: how many are at most each bound, how many are above all of them, and their sum. */
export class Distribution {
  /** Ascending. */
  readonly bounds: readonly number[];
  /** The sum, then one count for each bound, then the count of what is above. */
  readonly #numbers: Float64Array;

  /** Counts from what `numbers` holds; it has room for the sum and the counts. */
  constructor(bounds: readonly number[], numbers: Float64Array = new Float64Array(bounds.length + 2)) {
    this.bounds = bounds;
    this.#numbers = numbers;
  }

  /** Counts a value. */
  observe(value: number): void {
    let index = 0;
    while (index < this.bounds.length && value > (this.bounds[index] ?? 0)) index++;
    this.#add(index + 1, 1);
    this.#add(0, value);
  }

  /** Gives the sum of all values. */
  get sum(): number {
    return this.#numbers[0] ?? 0;
  }

  /** Counts the values up to each bound and above all, each without those before it. */
  get counts(): readonly number[] {
    return [...this.#numbers.subarray(1)];
  }

  #add(index: number, value: number): void {
    this.#numbers[index] = (this.#numbers[index] ?? 0) + value;
  }
}
