/**
 * The page that Prometheus reads: the only importer of prom-client.
 *
 * Contract: nothing is kept here; every scrape fills prom-client's metrics from the meter's numbers at that moment. Every
 * metric of the table is on every page with its HELP and TYPE, also one without a sample yet.
 * Standards: the Prometheus text exposition format 0.0.4.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Measured, Meter, Sample } from './meter.ts';
import { METRICS } from './metrics-table.ts';

/** The page. */
export interface MetricsPage {
  readonly contentType: string;
  /** Writes its text as of now. */
  render(): Promise<string>;
}

/** Prepares the page of a meter. */
export function createMetricsPage(meter: Meter): MetricsPage {
  const registry = new Registry();
  const fill: (() => void)[] = [];
  for (const [name, metric] of Object.entries(METRICS)) {
    const { help, labels: labelNames } = metric;
    const options = { name, help, labelNames, registers: [registry] };
    if (metric.type === 'histogram') {
      new MeasuredHistogram(options, meter.distributions(name));
    } else {
      const { set, reset } = metric.type === 'gauge' ? settableGauge(options) : settableCounter(options);
      fill.push(() => {
        reset();
        for (const sample of meter.samples(name)) set(sample);
      });
    }
  }
  return {
    contentType: registry.contentType,
    render: async () => {
      await meter.findOut();
      for (const each of fill) each();
      return registry.metrics();
    },
  };
}

interface Options {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly registers: Registry[];
}

interface Settable {
  readonly set: (sample: Sample) => void;
  readonly reset: () => void;
}

/**
 * Makes a gauge that is set from elsewhere. One without labels would begin with a 0 that nobody measured, so that
 * sample goes.
 */
function settableGauge(options: Options): Settable {
  const gauge = new Gauge(options);
  return {
    set: ({ labels, value }) => {
      gauge.set(labels, value);
    },
    reset: () => {
      gauge.reset();
      if (options.labelNames.length === 0) gauge.remove({});
    },
  };
}

/** Makes a counter that is set: the one that counts is elsewhere. */
function settableCounter(options: Options): Settable {
  const counter = new Counter(options);
  return {
    set: ({ labels, value }) => {
      counter.inc(labels, value);
    },
    reset: () => {
      counter.reset();
    },
  };
}

type HistogramValues = Awaited<ReturnType<Histogram['get']>>;

/** Does nothing: prom-client wants to be told of a metric that collects by itself, and does not use it here. */
const NOTHING = (): void => undefined;

/** A histogram whose buckets were filled elsewhere. */
class MeasuredHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #measured: readonly Measured[];

  /** Registers a histogram whose distributions are these at any time. */
  constructor(options: Options, measured: readonly Measured[]) {
    super(options);
    this.#measured = measured;
    this.#name = options.name;
    this.#help = options.help;
  }

  override async get(): Promise<HistogramValues> {
    const values = this.#measured.flatMap((measured) => valuesOf(this.#name, measured));
    // The type's number stands for the word that the page needs.
    const type = 'histogram' as unknown as HistogramValues['type'];
    return Promise.resolve({
      name: this.#name,
      help: this.#help,
      type,
      values,
      aggregator: 'sum',
      collect: NOTHING,
    });
  }

  /** Answers prom-client, which asks for this instead of `get` when it writes a page. */
  getForPromString(): Promise<HistogramValues> {
    return this.get();
  }
}

/** Lists the samples of a distribution: each bucket with those below it, the sum and the count. */
function valuesOf(name: string, { labels, distribution }: Measured): HistogramValues['values'] {
  const { bounds, counts, sum } = distribution;
  let count = 0;
  const buckets = [...bounds, '+Inf'].map((le, index) => {
    count += counts[index] ?? 0;
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
