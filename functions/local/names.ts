// Names that everything on one machine shares.

/** The one namespace of a data directory. */
export const NAMESPACE = 'default';
