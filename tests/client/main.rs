//! What the client promises, seen from outside: over a scripted transport, over real HTTP, and in the source.

mod canary;
mod decoding;
mod emulated;
mod errors;
mod example;
mod golden;
mod house;
mod input;
mod recorded;
mod regions;
mod script;
mod waiting;
mod wire;
