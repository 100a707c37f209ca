//! Indicators: create or update, import, read and delete them.

mod import;
mod new;
mod operations;
pub(crate) mod value;

use std::collections::HashSet;

use crate::client::Client;
use crate::error::Result;
use crate::model::Indicator;
use crate::odata::{Filter, List};
use crate::operation::Operation;
use crate::types::IndicatorId;

pub use import::{ImportAnswer, ImportIndicators, ImportOutcome};
pub use new::NewIndicator;
pub(crate) use operations::LARGEST_BATCH;
pub use operations::{
    BatchDeleteIndicators, CreateOrUpdateIndicator, DeleteIndicator, GetIndicator, ListIndicators,
};

impl Client {
    /// The tenant's indicators.
    #[must_use]
    pub fn indicators(&self) -> Indicators {
        Indicators { client: self.clone() }
    }
}

/// The tenant's indicators, from [`Client::indicators`].
///
/// Words are honest: the service *accepts* an indicator. It takes effect on devices within minutes to two
/// days, and no call tells when.
#[derive(Clone, Debug)]
pub struct Indicators {
    client: Client,
}

impl Indicators {
    /// Creates an indicator, or updates the one of the same value, type and action: [`CreateOrUpdateIndicator`].
    ///
    /// Another action on the same value makes a second indicator, and the first stays.
    ///
    /// ```no_run
    /// use defender_response::NewIndicator;
    /// use defender_response::model::{IndicatorAction, IndicatorType};
    /// # async fn f(defender: defender_response::Client) -> defender_response::Result<()> {
    /// let block = NewIndicator::new(IndicatorType::Url, "https://evil.example/x", IndicatorAction::Block, "INC-4711", "C2");
    /// let indicator = defender.indicators().create_or_update(block).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_invalid_input`](crate::Error::is_invalid_input) for a value, action or expiry that can't be right, and nothing was
    /// sent then; [`is_invalid_request`](crate::Error::is_invalid_request) where the service knows better.
    pub async fn create_or_update(&self, indicator: NewIndicator) -> Result<Indicator> {
        self.check_expiry([&indicator], CreateOrUpdateIndicator::SPEC.name)?;
        self.client.send(&CreateOrUpdateIndicator { indicator }).await
    }

    /// Creates or updates up to 500 indicators in one call, and tells what became of each, in their order:
    /// [`ImportIndicators`].
    ///
    /// ```no_run
    /// use defender_response::{ImportOutcome, NewIndicator};
    /// # async fn f(defender: defender_response::Client, new: Vec<NewIndicator>) -> defender_response::Result<()> {
    /// for (indicator, outcome) in new.clone().iter().zip(defender.indicators().import(new).await?) {
    ///     if let ImportOutcome::Failed { reason } = outcome {
    ///         println!("{} was refused: {reason}", indicator.value());
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`create_or_update`](Self::create_or_update), for any one of them; also for none, and for more than 500.
    pub async fn import(&self, indicators: Vec<NewIndicator>) -> Result<Vec<ImportOutcome>> {
        self.check_expiry(&indicators, ImportIndicators::SPEC.name)?;
        let operation = ImportIndicators { indicators };
        let answer = self.client.send(&operation).await?;
        Ok(ImportOutcome::read(&operation.indicators, &answer))
    }

    /// Reads one indicator: [`GetIndicator`].
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) also for one that has expired.
    pub async fn get(&self, id: impl Into<IndicatorId>) -> Result<Indicator> {
        self.client.send(&GetIndicator { indicator: id.into() }).await
    }

    /// The active indicators that the filter lets through, oldest first: [`ListIndicators`].
    ///
    /// The service filters by `application`, `createdByDisplayName`, `expirationTime`, `generateAlert`, `title`,
    /// `rbacGroupNames`, `rbacGroupIds`, `indicatorValue`, `indicatorType`, `creationTimeDateTimeUtc`, `createdBy`, `action` and
    /// `severity`. With `Ti.ReadWrite` alone only this application's own are shown.
    ///
    /// ```no_run
    /// use defender_response::Filter;
    /// # async fn f(defender: defender_response::Client) -> defender_response::Result<()> {
    /// let same_value = defender.indicators().list(Filter::eq("indicatorValue", "evil.example")).all().await?;
    /// # Ok(()) }
    /// ```
    pub fn list(&self, filter: impl Into<Option<Filter>>) -> List<Indicator> {
        List::new(&self.client, ListIndicators::new(filter.into()))
    }

    /// Deletes one indicator: [`DeleteIndicator`].
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) when it isn't there (any more).
    pub async fn delete(&self, id: impl Into<IndicatorId>) -> Result<()> {
        self.client.send(&DeleteIndicator { indicator: id.into() }).await
    }

    /// Deletes up to 500 indicators in one call: [`BatchDeleteIndicators`].
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found) when *any* of them isn't there; list again to see what is left.
    pub async fn batch_delete(&self, ids: impl IntoIterator<Item = IndicatorId>) -> Result<()> {
        let operation = BatchDeleteIndicators { indicators: ids.into_iter().collect() };
        match self.client.send(&operation).await {
            // The try that went unanswered may be what deleted them.
            Err(error) if error.is_not_found() && error.is_after_an_unclear_try() => {
                let deleted: HashSet<_> = operation.indicators.iter().collect();
                let mut left = self.list(None);
                while let Some(indicator) = left.next().await {
                    if deleted.contains(&indicator?.id) {
                        return Err(error);
                    }
                }
                Ok(())
            }
            outcome => outcome,
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    fn check_expiry<'a>(
        &self,
        indicators: impl IntoIterator<Item = &'a NewIndicator>,
        operation: &'static str,
    ) -> Result<()> {
        let now = self.client.clock().wall();
        let mut indicators = indicators.into_iter();
        indicators
            .try_for_each(|indicator| indicator.check_expiry(now))
            .map_err(|e| e.of(operation, ""))
    }
}
