# Environment of an Orca server, read by bin/start.sh before the server starts. Everything here is optional: what is not set comes from
# conf/application.yaml, else from the defaults. Every key of the configuration has a name in the environment: docs/configuration.md.

# The database that masters and API servers share
# export SPRING_PROFILES_ACTIVE=mysql
# export SPRING_DATASOURCE_URL="jdbc:mysql://127.0.0.1:3306/dolphinscheduler"
# export SPRING_DATASOURCE_USERNAME=...
# export SPRING_DATASOURCE_PASSWORD=...

# The registry
# export REGISTRY_TYPE=zookeeper
# export REGISTRY_ZOOKEEPER_CONNECT_STRING=localhost:2181

# The zone of the times in rows; must be that of the Java servers of the cluster
# export SPRING_JACKSON_TIME_ZONE=UTC

# What is logged
# export ORCA_LOG_FILTER=info

# Where the program is, when it is not bin/orca of this server
# export ORCA_BINARY=/usr/local/bin/orca
