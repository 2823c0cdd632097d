//! The DolphinScheduler 3.4.2 wire.
