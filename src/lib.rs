//! x
mod clock;
mod transport;
mod types;
pub use clock::{Clock, SystemClock, TestClock};
pub use transport::{Transport, TransportError};
pub use types::{ActionId, MachineId, ParseError, Secret, Timestamp};
#[cfg(feature = "emulator")]
pub mod emulator;
