//! Settling a lost answer by looking, a few times, since lists lag behind.

use std::future::Future;
use std::time::Duration;

use crate::client::Client;
use crate::error::Result;

/// When is looked, in seconds after the answer was lost.
const LOOKS: [u64; 5] = [0, 2, 5, 15, 30];

/// What one look may take, and may wait for its slot.
const ONE_LOOK: Duration = Duration::from_secs(10);

/// What all looks together may take.
const IN_ALL: Duration = Duration::from_secs(40);

/// Looks until there is something, or until half a minute is over.
///
/// A look that fails counts as one that saw nothing: what isn't seen isn't claimed, either way.
pub(crate) async fn settle<T, F>(
    client: &Client,
    look: impl Fn(Client) -> F + Send + Sync,
) -> Option<T>
where
    T: Send,
    F: Future<Output = Result<Option<T>>> + Send,
{
    let hurried = client.with_terms(|terms| {
        terms.urgent = true;
        terms.queue = Some(ONE_LOOK);
        terms.call = ONE_LOOK;
        terms.attempt = ONE_LOOK;
    });
    let began = client.clock().now();
    let looks = async {
        for after in LOOKS {
            let passed = client.clock().now().saturating_duration_since(began);
            tokio::time::sleep(Duration::from_secs(after).saturating_sub(passed)).await;
            if let Ok(Some(found)) = look(hurried.clone()).await {
                return Some(found);
            }
        }
        None
    };
    tokio::time::timeout(IN_ALL, looks).await.ok().flatten()
}
