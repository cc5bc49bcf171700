// What the nodes of order.yaml do. A handler gets its node's inputs and gives its outputs; what it throws fails the attempt.

export function register(engine) {
  engine.register('price', ({ input, log }) => {
    const total = input.items.reduce((sum, { price, count = 1 }) => sum + price * count, 0);
    log.info(`${input.items.length} items for ${total}`);
    return { total };
  });
  engine.register('charge', async ({ input, run, node, attempt }) => {
    // The same for every try to tell the same thing: who takes the money can see that it was asked for once.
    return { receipt: `${run}-${node}-${attempt}`, charged: input.total };
  });
}
