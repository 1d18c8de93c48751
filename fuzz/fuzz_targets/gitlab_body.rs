#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flaglink_fuzz::run("gitlab_body", data));
