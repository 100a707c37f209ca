//! STIX: what a pattern means, and that no text can do harm.

mod example;
mod grammar;
mod hostile;
mod properties;
mod refused;
mod suite;
mod trees;
