/** The ports as statements carry them out. */

/** Methods of a port, all by default, that answer at once as statements on one connection do. */
export type AtOnce<Port, Names extends keyof Port = keyof Port> = {
  [K in Names]: Port[K] extends (...args: infer Args) => Promise<infer Answer>
    ? (...args: Args) => Answer
    : never;
};
