//! What an expression may cost. All are far above any condition that a person writes, and an expression that reaches one has not matched.

/// Bytes of the text, parameters included.
pub(crate) const SOURCE_LEN_MAX: usize = 64 * 1024;
pub(crate) const TOKENS_MAX: usize = 16_384;
/// Brackets, blocks and signs inside each other: each is a few frames of the stack.
pub(crate) const DEPTH_MAX: u32 = 64;
/// Steps: one for each token that is looked at and each character that is made. About 0.1 s of a processor.
pub(crate) const STEPS_MAX: u64 = 1_000_000;
/// Bytes of a text that may be read, not made, for one step.
pub(crate) const SIZE_READ_PER_STEP: usize = 16;
