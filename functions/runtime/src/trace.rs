/// Returns the id of an X-Ray trace, which the gateway's access log has too, from the header that Lambda passes on. Clients can send
/// one, so its form is checked ("Sending trace data to AWS X-Ray": version, eight and twenty-four hexadecimal digits).
#[must_use]
pub fn trace_id(header: &str) -> Option<&str> {
    let root = header.split(';').find_map(|part| part.trim().strip_prefix("Root="))?;
    let is_hex =
        |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts: Vec<_> = root.split('-').collect();
    matches!(parts[..], ["1", time, random] if is_hex(time, 8) && is_hex(random, 24)).then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_in_the_form_of_x_ray_is_passed_on() {
        let id = "1-67891233-abcdef012345678912345678";
        for header in [format!("Root={id}"), format!("Sampled=1; Root={id};Parent=463ac35c9f6413ad")] {
            assert_eq!(trace_id(&header), Some(id));
        }
        for forged in [
            "",
            id,
            "Root=",
            "Root=1-67891233-abcdef",
            "Root=1-67891233-\"admin\"0123456789123456",
            "Root=2-67891233-abcdef012345678912345678",
        ] {
            assert_eq!(trace_id(forged), None, "{forged}");
        }
    }
}
