//! STIX: what a pattern means, and that no text can do harm.

mod damaged;
mod example;
mod feeds;
mod golden;
mod grammar;
mod hostile;
mod hostile_feeds;
mod joined;
mod made;
mod memory;
mod objects;
mod properties;
mod protection;
mod refused;
mod rules;
mod several;
mod soundness;
#[cfg(feature = "stix2")]
mod stix2;
mod suite;
mod trees;
