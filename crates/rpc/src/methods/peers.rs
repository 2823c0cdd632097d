//! What only other servers serve: for test doubles of workers and of the alert server.

use crate::dto::{
    AlertSendRequest, AlertSendResponse, AlertTestSendRequest, TaskInstanceTriggerSavepointRequest,
    TaskInstanceTriggerSavepointResponse,
};

super::methods! {
    /// Make a savepoint of a streaming task.
    TriggerSavepoint(TaskInstanceTriggerSavepointRequest) -> TaskInstanceTriggerSavepointResponse = "IStreamingTaskInstanceOperator.triggerSavepoint",
        "public abstract org.apache.dolphinscheduler.extract.worker.transportor.TaskInstanceTriggerSavepointResponse org.apache.dolphinscheduler.extract.worker.IStreamingTaskInstanceOperator.triggerSavepoint(org.apache.dolphinscheduler.extract.worker.transportor.TaskInstanceTriggerSavepointRequest)";

    /// Try an alert plugin.
    SendTestAlert(AlertTestSendRequest) -> AlertSendResponse = "IAlertOperator.sendTestAlert",
        "public abstract org.apache.dolphinscheduler.extract.alert.request.AlertSendResponse org.apache.dolphinscheduler.extract.alert.IAlertOperator.sendTestAlert(org.apache.dolphinscheduler.extract.alert.request.AlertTestSendRequest)";

    /// Send an alert. No Java server calls it.
    SendAlert(AlertSendRequest) -> AlertSendResponse = "IAlertOperator.sendAlert",
        "public abstract org.apache.dolphinscheduler.extract.alert.request.AlertSendResponse org.apache.dolphinscheduler.extract.alert.IAlertOperator.sendAlert(org.apache.dolphinscheduler.extract.alert.request.AlertSendRequest)";
}
