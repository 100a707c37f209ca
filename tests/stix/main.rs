//! STIX: what a pattern means, and that no text can do harm.

mod example;
mod feeds;
mod golden;
mod grammar;
mod hostile;
mod made;
mod objects;
mod properties;
mod protection;
mod refused;
mod rules;
mod suite;
mod trees;
