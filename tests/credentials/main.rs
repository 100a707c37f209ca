//! Every kind of credential against the emulated service: what it sends, what it refuses, how it recovers.

mod secrets;
mod setup;
