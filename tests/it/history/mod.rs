//! What the queue promises, held against what clients see of it while everything breaks.

mod runs;
