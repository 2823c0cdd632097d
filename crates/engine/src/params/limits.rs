//! Every bound of parameter handling, with its reason.

/// Placeholders inside placeholders, or values that name values. Real chains have a handful of links; each link is a stack
/// frame here.
pub const PLACEHOLDER_DEPTH_MAX: usize = 128;

/// Replacements for one text. Values that each name the next one twice double the work with every link, even when the
/// result is short.
pub const REPLACEMENTS_MAX: usize = 100_000;

/// Bytes of one resolved text: what one frame to a worker may carry is of this order.
pub const RESOLVED_LEN_MAX: usize = 16 * 1024 * 1024;

/// Rows of one `setValue` expression in a task's output, as in the reference: an expression that is never closed must
/// not swallow the whole log.
pub const OUTPUT_ROWS_MAX: usize = 1_024;

/// Bytes of one `setValue` expression. The reference has no limit that can be reached; a task that prints without end
/// must not fill the worker's memory.
pub const OUTPUT_EXPRESSION_LEN_MAX: usize = 4 * 1024 * 1024;

/// Different names one task may set.
pub const OUTPUT_NAMES_MAX: usize = 10_000;

/// Characters of one arithmetic expression, and of one time pattern. Both are short texts written by hand.
pub const EXPRESSION_LEN_MAX: usize = 4_096;
