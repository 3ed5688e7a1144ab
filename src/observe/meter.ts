/**
 * The meter: what the daemon counts and measures of itself, handed to its parts like the log.
 *
 * Contract: a part counts in one line where the thing happens, and says once how to read what it keeps anyway. Names
 * and labels are those of the closed table (metrics-table.ts). Counting costs no I/O and no promise, and memory for the
 * first of its kind only: the number is found by the values of its labels one after the other. Nothing is read before
 * somebody asks for the page.
 * Failure: what cannot be found out has no sample.
 */
import { Distribution } from './distribution.ts';
import { type LabelsOf, type LabelValues, METRICS, type Metric, type MetricName } from './metrics-table.ts';

type Labels = Readonly<Record<string, string>>;

/** One value with its labels. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** A distribution with its labels. */
export interface Measured {
  readonly labels: Labels;
  readonly distribution: Distribution;
}

/** Finds out a number that takes time; undefined when it is not known. */
export type Inquiry = () => Promise<number | undefined>;

/** A number that is counted here or was found out last, or how to read it. */
interface Value {
  readonly labels: Labels;
  /** Undefined when it is not known. */
  number: number | undefined;
  read: (() => number | undefined) | undefined;
}

/** A distribution that may be replaced by one that is kept elsewhere. */
interface Kept {
  readonly labels: Labels;
  distribution: Distribution;
}

/** The meter. */
export class Meter {
  readonly #values = new Map<string, Series<Value>>();
  readonly #inquiries = new Map<Value, Inquiry>();
  readonly #distributions = new Map<string, Series<Kept>>();

  constructor() {
    for (const [name, metric] of Object.entries(METRICS)) {
      if (metric.type === 'histogram') {
        const { bounds } = metric;
        const begin = (labels: Labels): Kept => ({ labels, distribution: new Distribution(bounds) });
        this.#distributions.set(name, new Series(metric, begin));
      } else {
        const number = metric.type === 'gauge' ? undefined : 0;
        const begin = (labels: Labels): Value => ({ labels, number, read: undefined });
        this.#values.set(name, new Series(metric, begin));
      }
    }
  }

  /** Adds to a counter. */
  add<N extends MetricName<'counter'>>(name: N, labels: LabelsOf<N>, by = 1): void {
    const value = this.#values.get(name)?.at(labels);
    if (value !== undefined) value.number = (value.number ?? 0) + by;
  }

  /** Adds a value to a distribution. */
  observe<N extends MetricName<'histogram'>>(name: N, labels: LabelsOf<N>, value: number): void {
    this.#distributions.get(name)?.at(labels).distribution.observe(value);
  }

  /** Takes a gauge, or a counter that is kept elsewhere, from a function that is called for each page. */
  watch<N extends MetricName<'gauge' | 'counter'>>(
    name: N,
    labels: LabelsOf<N>,
    read: () => number | undefined,
  ): void {
    const value = this.#values.get(name)?.at(labels);
    if (value !== undefined) value.read = read;
  }

  /** Takes a gauge that takes time to be found out. */
  inquire<N extends MetricName<'gauge'>>(name: N, labels: LabelsOf<N>, inquiry: Inquiry): void {
    const value = this.#values.get(name)?.at(labels);
    if (value !== undefined) this.#inquiries.set(value, inquiry);
  }

  /** Begins a distribution of labels whose values are known by now: it has samples from zero on. */
  begin<N extends MetricName<'histogram'>>(name: N, labels: LabelsOf<N>): void {
    this.#distributions.get(name)?.at(labels);
  }

  /** Takes a distribution that is kept elsewhere. */
  share<N extends MetricName<'histogram'>>(name: N, labels: LabelsOf<N>, distribution: Distribution): void {
    const kept = this.#distributions.get(name)?.at(labels);
    if (kept !== undefined) kept.distribution = distribution;
  }

  /** Finds out all that takes time, side by side. It comes before the samples, so that these are all of one moment. */
  async findOut(): Promise<void> {
    const answers = [...this.#inquiries].map(async ([value, inquiry]) => {
      value.number = await inquiry().catch(() => undefined);
    });
    await Promise.all(answers);
  }

  /** Gives the values of a metric now, and as they were found out last. */
  samples(name: string): readonly Sample[] {
    const values = this.#values.get(name)?.all ?? [];
    return values.flatMap(({ labels, number, read }) => {
      const value = read === undefined ? number : read();
      return value === undefined ? [] : [{ labels, value }];
    });
  }

  /** Gives the distributions of a metric. */
  distributions(name: string): readonly Measured[] {
    return this.#distributions.get(name)?.all ?? [];
  }
}

/** A step of the way to what belongs to labels: the values of the next one, and what is here. */
interface Branch<T> {
  leaf: T | undefined;
  readonly next: Map<string, Branch<T>>;
}

const newBranch = <T>(): Branch<T> => ({ leaf: undefined, next: new Map() });

/** The values of one metric, one for each set of labels. */
class Series<T> {
  /** In the order in which they began. */
  readonly all: T[] = [];
  readonly #labels: readonly string[];
  readonly #begin: (labels: Labels) => T;
  readonly #root = newBranch<T>();

  constructor({ type, labels, values }: Metric, begin: (labels: Labels) => T) {
    this.#labels = labels;
    this.#begin = begin;
    if (type !== 'gauge') for (const each of combinations(values)) this.at(each);
  }

  /** Finds what belongs to these labels; the first time it begins. */
  at(labels: Labels): T {
    let branch = this.#root;
    for (const label of this.#labels) {
      const value = labels[label] ?? '';
      let next = branch.next.get(value);
      if (next === undefined) branch.next.set(value, (next = newBranch()));
      branch = next;
    }
    if (branch.leaf === undefined) this.all.push((branch.leaf = this.#begin({ ...labels })));
    return branch.leaf;
  }
}

/** Lists every combination of the labels' values; none when those of a label are not listed. */
function combinations(values: LabelValues): Labels[] {
  let all: Labels[] = [{}];
  for (const [label, words] of Object.entries(values))
    all = all.flatMap((labels) => words.map((word) => ({ ...labels, [label]: word })));
  return all;
}
