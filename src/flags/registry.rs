//! stub
use super::FlagProvider;
use std::sync::Arc;
/// stub
#[derive(Clone, Default)]
pub struct Registry {
    all: Vec<Arc<dyn FlagProvider>>,
}
impl Registry {
    /// stub
    pub fn get(&self, name: &str) -> Option<&Arc<dyn FlagProvider>> {
        self.all.iter().find(|p| p.name() == name)
    }
    /// stub
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn FlagProvider>> {
        self.all.iter()
    }
}
