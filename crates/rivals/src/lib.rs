//! Nothing: see `benches/memory.rs`.
