//! The in-memory front: the emulator as a transport, without a socket and on tokio's clock, so that a
//! paused runtime plays days in milliseconds.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use super::handle::Shared;
use super::reply::{Outcome, Reply};
use crate::transport::{Transport, TransportError};

/// The emulator as a [`Transport`]: whatever host a request names, it ends up here.
///
/// Made by [`Emulator::transport`](super::Emulator::transport). Token requests and API calls are told
/// apart by their path.
#[derive(Clone)]
pub struct InMemory(pub(crate) Arc<Shared>);

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemory").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for InMemory {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let one_way = self.0.latency() / 2;
        pause(one_way).await;
        let Reply { delay, outcome } = self.0.handle(request);
        pause(one_way.saturating_add(delay)).await;
        carry_out(outcome, limit).await
    }
}

async fn carry_out(outcome: Outcome, limit: usize) -> Result<Response<Bytes>, TransportError> {
    match outcome {
        Outcome::Answer(response) if response.body().len() <= limit => Ok(response),
        Outcome::Answer(_) | Outcome::Flood(..) => {
            Err(TransportError::partial(format!("it is longer than {limit} bytes")))
        }
        Outcome::NotReached => Err(TransportError::not_sent("the emulator refuses the connection")),
        Outcome::Reset => Err(TransportError::unanswered("the emulator reset the connection")),
        Outcome::Hang => std::future::pending().await,
        Outcome::Half(_) => Err(TransportError::partial("the emulator broke off half-way")),
        Outcome::Drip(response, pace) => {
            let bytes = u32::try_from(response.body().len()).unwrap_or(u32::MAX);
            tokio::time::sleep(pace.saturating_mul(bytes)).await;
            Ok(response)
        }
    }
}

/// Even without any latency others get their turn, as with a real connection.
async fn pause(time: std::time::Duration) {
    if time.is_zero() {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(time).await;
    }
}
