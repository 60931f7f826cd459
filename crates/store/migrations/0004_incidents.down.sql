DROP TABLE incident_transition, incident;
