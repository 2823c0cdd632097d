//! The alert server's messages, for test doubles: a master never calls it.

use std::fmt;

super::dto! {
    /// Its parameters hold passwords, so `Debug` leaves them out.
    struct AlertTestSendRequest = "org.apache.dolphinscheduler.extract.alert.request.AlertTestSendRequest" {
        plugin_define_id: i32 = "pluginDefineId",
        plugin_instance_params: Option<String> = "pluginInstanceParams",
    }

    #[derive(Debug)]
    struct AlertSendRequest = "org.apache.dolphinscheduler.extract.alert.request.AlertSendRequest" {
        group_id: i32 = "groupId",
        title: Option<String> = "title",
        content: Option<String> = "content",
        warn_type: i32 = "warnType",
    }

    #[derive(Debug)]
    struct AlertSendResponse = "org.apache.dolphinscheduler.extract.alert.request.AlertSendResponse" {
        success: bool = "success",
        res_results: Option<Vec<AlertSendResult>> = "resResults",
    }

    #[derive(Debug)]
    struct AlertSendResult =
        "org.apache.dolphinscheduler.extract.alert.request.AlertSendResponse$AlertSendResponseResult"
    {
        success: bool = "success",
        message: Option<String> = "message",
    }
}

impl fmt::Debug for AlertTestSendRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertTestSendRequest")
            .field("plugin_define_id", &self.plugin_define_id)
            .finish_non_exhaustive()
    }
}
