//! The public address: what it is, how it is found, and who is told.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use url::Url;

use super::door::takes_webhooks;
use crate::config::Config;
use crate::pipeline::Pipeline;
use crate::tunnel::{Known, Prover, PublicAddress, Remark, Watch};

/// What finds the address.
pub(super) struct Finding {
    listener: SocketAddr,
    prover: Prover,
    known: Arc<Known>,
    remark: Remark,
}

impl Finding {
    /// What is to be told about it.
    pub(super) fn remark(&self) -> Remark {
        self.remark.clone()
    }

    /// Finds it as that configuration says, and watches over it, until `stop`.
    pub(super) fn run(&self, config: &Config, stop: CancellationToken) -> impl Future<Output = ()> + use<> {
        let known = Arc::clone(&self.known);
        let (listener, prover) = (self.listener, self.prover.clone());
        let settings = config.tunnel.clone();
        async move {
            #[cfg(feature = "ngrok")]
            if let Some(embedded) = settings.embedded {
                return crate::tunnel::run_embedded(embedded, listener, prover, known, stop).await;
            }
            match Watch::new(&settings, listener, prover, known) {
                Ok(watch) => watch.run(stop).await,
                Err(error) => tracing::error!(%error, "the public address cannot be looked for"),
            }
        }
    }
}

/// The address, and what finds it where it is not written.
pub(super) fn address(
    config: &Config,
    listener: SocketAddr,
    prover: &Prover,
) -> (PublicAddress, Option<Finding>) {
    if !config.listen.public_auto {
        return (PublicAddress::fixed(config.listen.public_url.clone()), None);
    }
    let (say, address) = PublicAddress::found();
    let remark = Remark::default();
    let known = Arc::new(Known::new(say, remark.clone()));
    (address, Some(Finding { listener, prover: prover.clone(), known, remark }))
}

/// Says where webhooks come in whenever that is known anew.
pub(super) async fn tell(
    mut address: PublicAddress,
    listener: SocketAddr,
    pipeline: Arc<Pipeline>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = address.changed() => say_where(address.now().as_ref(), listener, &pipeline),
            () = stop.cancelled() => return,
        }
    }
}

/// The addresses, as somebody who sets hooks up needs them.
pub(super) fn say_where(public: Option<&Url>, listener: SocketAddr, pipeline: &Pipeline) {
    let base = public.map_or_else(|| format!("http://{listener}/"), Url::to_string);
    let base = base.trim_end_matches('/');
    if pipeline.hooks().registers() {
        tracing::info!("flaglink registers its webhooks in GitLab below {base}/hooks/gitlab/");
    } else {
        tracing::info!("GitLab's webhook address: {base}/hooks/gitlab");
    }
    for provider in pipeline.world().flags().iter() {
        if takes_webhooks(provider.as_ref()) {
            tracing::info!(
                "webhook address for {} ({}): {base}/hooks/providers/{}",
                provider.name(),
                provider.service(),
                provider.name()
            );
        } else {
            tracing::info!(
                "{} ({}) is polled every {} s; it has no webhook secret",
                provider.name(),
                provider.service(),
                provider.poll_interval().as_secs()
            );
        }
    }
}
